void exit(int code);
void exit(int code) { (void)code; for (;;) ; }
const int user_programs = 1;
