/* sh: the first process. Reads a line, does what it says, and again. */
#include "user/lib.h"

int shell_main(int argc, char **argv);

enum { LINE = 200, MAX_WORDS = 8 };

/* What a line comes to. */
struct command {
  char *words[MAX_WORDS + 1];
  int count;
  const char *output; /* > FILE, or null */
  bool background;    /* & */
};

/* Splits the line in place; false after saying what is wrong. */
static bool parse(char *line, struct command *command)
{
  *command = (struct command){ .count = 0 };
  bool redirected = false;
  for (char *at = line;;) {
    while (*at == ' ') at++;
    if (!*at) break;
    char *word = at;
    /* > and & are words of their own, with or without blanks around them. */
    if (*at == '>' || *at == '&') at++;
    else while (*at && *at != ' ' && *at != '>' && *at != '&') at++;
    bool is_redirect = *word == '>', is_background = *word == '&';
    char next = *at;
    if (is_redirect) redirected = true;
    else if (is_background) command->background = true;
    else if (redirected && !command->output) command->output = word;
    else if (command->count < MAX_WORDS) command->words[command->count++] = word;
    else {
      print("sh: too many words\n");
      return false;
    }
    /* End the word; if > or & comes right behind it, that is dealt with first. */
    if (next == '>' || next == '&') {
      if (!is_redirect && !is_background) {
        if (next == '>') redirected = true;
        else command->background = true;
        *at++ = 0;
      }
    } else if (next) {
      *at++ = 0;
    }
  }
  if (redirected && !command->output) {
    print("sh: > needs a file name\n");
    return false;
  }
  return true;
}

static void cat(const char *path)
{
  char text[512];
  s64 file = open(path, FOR_READING), size;
  if (file < 0) {
    print("cat: %s: %s\n", path, error_text(file));
    return;
  }
  while ((size = read((int)file, text, sizeof text)) > 0) write(1, text, (size_t)size);
  if (size < 0) print("cat: %s: %s\n", path, error_text(size));
  close((int)file);
}

static void echo(const struct command *command)
{
  char text[LINE + 2];
  int length = 0;
  for (int i = 1; i < command->count; i++)
    length += format_text(text + length, sizeof text - (size_t)length, "%s%s", i > 1 ? " " : "", command->words[i]);
  text[length++] = '\n';
  s64 file = 1;
  if (command->output) file = open(command->output, FOR_WRITING);
  s64 result = file < 0 ? file : write((int)file, text, (size_t)length);
  if (command->output && file >= 0) close((int)file);
  if (result < 0) print("echo: %s: %s\n", command->output ? command->output : "console", error_text(result));
}

static void ps(void)
{
  struct task_info info;
  print("  PID S NAME\n");
  for (u64 i = 0; task_info(i, &info) == 0; i++) print("%5u %c %s\n", info.pid, info.state, info.name);
}

static void kill_process(u64 pid)
{
  s64 result = kill((s64)pid);
  if (result < 0) {
    print("kill: %lu: %s\n", pid, error_text(result));
    return;
  }
  wait((s64)pid, NULL, false); /* if it was ours: it is gone when the prompt comes back */
}

/* The first process of that name; 0: there is none. */
static u64 find_process(const char *name)
{
  struct task_info info;
  for (u64 i = 0; task_info(i, &info) == 0; i++)
    if (info.state != 'Z' && !strcmp(info.name, name)) return info.pid;
  return 0;
}

static void kill_processes(const char *argument)
{
  u64 pid;
  if (!argument) {
    print("kill: usage: kill PID, or kill NAME\n");
  } else if (parse_number(argument, &pid)) {
    kill_process(pid);
  } else if (!strcmp(argument, "sh") || !find_process(argument)) {
    print("kill: %s: %s\n", argument, error_text(-ESRCH));
  } else {
    while ((pid = find_process(argument))) kill_process(pid);
  }
}

static void help(void)
{
  static const char text[] =
    "ps                 lists the processes\n"
    "cat FILE           prints a file\n"
    "echo TEXT [> FILE] prints a line, or writes it to a file\n"
    "wait               waits for all programs in the background\n"
    "kill PID|NAME      ends a process, or all of that name\n"
    "poweroff [CODE]    stops the machine\n"
    "storm N            N system calls; 0: for ever\n"
    "code N             N times the kernel reads a page of code; 0: for ever\n"
    "touch N            N page faults\n"
    "cost WHAT N...     clock cycles of system calls and page faults\n"
    "compat N           N rounds of system calls from 32-bit code; 0: for ever\n"
    "signals N          N rounds through a handler of signals\n"
    "ldt N              N rounds with segments of an LDT; 0: for ever\n"
    "forks N            N times fork, exit, wait\n"
    "execs N            N times fork, exec, exit, wait\n"
    "toggle N           KAISER off and on, N times\n"
    "spin               stays in user mode\n"
    "gs                 the same, with a GS base of its own\n"
    "fault KIND         one exception, which ends it\n"
    "NAME ARGS &        runs a program in the background\n"
    "files: /sys/kernel/debug/x86/kaiser-enabled\n"
    "       /sys/kernel/debug/page_tables/{kernel,current_kernel,current_user}\n";
  write(1, text, sizeof text - 1);
}

static void run(struct command *command)
{
  const char *name = command->words[0];
  s64 child = fork();
  if (child == 0) {
    s64 result = exec(name, command->words);
    if (result == -ENOENT) print("sh: %s: not found\n", name);
    else print("sh: %s: %s\n", name, error_text(result));
    exit(127);
  }
  if (child < 0) print("sh: fork: %s\n", error_text(child));
  else if (!command->background) wait(child, NULL, false);
}

/* The shell's own commands; false: it is none of them. */
static bool built_in(const struct command *command)
{
  const char *name = command->words[0], *argument = command->words[1];
  if (!strcmp(name, "ps")) ps();
  else if (!strcmp(name, "help")) help();
  else if (!strcmp(name, "echo")) echo(command);
  else if (!strcmp(name, "kill")) kill_processes(argument);
  else if (!strcmp(name, "cat")) {
    if (!argument) print("cat: usage: cat FILE\n");
    for (int i = 1; i < command->count; i++) cat(command->words[i]);
  } else if (!strcmp(name, "wait")) {
    while (wait(-1, NULL, false) > 0) continue;
  } else if (!strcmp(name, "poweroff")) {
    u64 code = 0;
    if (argument && !parse_number(argument, &code)) print("poweroff: usage: poweroff [CODE]\n");
    else poweroff((int)code);
  } else {
    return false;
  }
  return true;
}

int shell_main(int argc, char **argv)
{
  (void)argc;
  (void)argv;
  for (;;) {
    char line[LINE];
    struct command command;
    write(1, "$ ", 2);
    s64 size = read(0, line, sizeof line);
    if (size < 1) continue;
    line[size - 1] = 0; /* the newline */
    while (wait(-1, NULL, true) > 0) continue;
    if (!parse(line, &command) || command.count == 0) continue;
    if (!built_in(&command)) run(&command);
  }
}
