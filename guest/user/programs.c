/* The programs there are: what exec finds by name. */
#include "user/lib.h"

int shell_main(int argc, char **argv);
int storm_main(int argc, char **argv);
int touch_main(int argc, char **argv);
int forks_main(int argc, char **argv);
int execs_main(int argc, char **argv);
int toggle_main(int argc, char **argv);
int spin_main(int argc, char **argv);
int fault_main(int argc, char **argv);
int compat_main(int argc, char **argv);
int ldt_main(int argc, char **argv);
int signals_main(int argc, char **argv);
int gs_main(int argc, char **argv);
int code_main(int argc, char **argv);
int cost_main(int argc, char **argv);

struct user_program {
  const char *name;
  int (*main)(int argc, char **argv);
};

extern const struct user_program user_programs[];
const struct user_program user_programs[] = {
  { "sh", shell_main },
  { "storm", storm_main },
  { "touch", touch_main },
  { "forks", forks_main },
  { "execs", execs_main },
  { "toggle", toggle_main },
  { "spin", spin_main },
  { "fault", fault_main },
  { "compat", compat_main },
  { "ldt", ldt_main },
  { "signals", signals_main },
  { "gs", gs_main },
  { "code", code_main },
  { "cost", cost_main },
  { 0, 0 },
};
