/* Arithmetic as programs do it, in double, float and long double; what it gives is left in `results`. Freestanding: it runs on the
   machine without an operating system, and on the host (Linux) writes the results to standard output. */
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

struct results { u8 bytes[24576]; u32 used; };
__attribute__((section(".results"))) struct results results = {{0}, 0};

#ifdef __x86_64__
__asm__(".section .start,\"ax\"\n.globl _start\n_start: and $-16,%rsp\n call compute\n .org 16, 0x90\n"
        "mov $1,%eax\n mov $1,%edi\n lea results(%rip),%rsi\n mov $24576,%edx\n syscall\n mov $60,%eax\n xor %edi,%edi\n syscall\n.text");
#else
__asm__(".section .start,\"ax\"\n.globl _start\n_start: and $-16,%esp\n call compute\n .org 16, 0x90\n"
        "mov $4,%eax\n mov $1,%ebx\n mov $results,%ecx\n mov $24576,%edx\n int $0x80\n mov $1,%eax\n xor %ebx,%ebx\n int $0x80\n.text");
#endif

void *memcpy(void *to, const void *from, __SIZE_TYPE__ n) {
  u8 *t = to;
  for (const u8 *f = from; n--;) *t++ = *f++;
  return to;
}
void *memset(void *to, int value, __SIZE_TYPE__ n) {
  for (u8 *t = to; n--;) *t++ = (u8)value;
  return to;
}

static void put(const void *data, u32 size) {
  if (results.used + size > sizeof results.bytes) return;
  memcpy(results.bytes + results.used, data, size);
  results.used += size;
}
static void put_double(double x) { put(&x, 8); }
static void put_float(float x) { put(&x, 4); }
static void put_long(long double x) { put(&x, 10); }
static void put_u64(u64 x) { put(&x, 8); }

static u64 seed = 88172645463325252ull;
static u64 random64(void) {
  seed ^= seed << 13;
  seed ^= seed >> 7;
  return seed ^= seed << 17;
}
static double unit(void) { return (double)(long long)(random64() >> 11) * 0x1p-53; }

/* Digits of a number, as printf("%.17Lg") would find them by scaling. */
static void put_decimal(long double x) {
  char text[40];
  int n = 0, exponent = 0;
  if (x < 0) text[n++] = '-', x = -x;
  if (x != 0) {
    while (x >= 10) x /= 10, exponent++;
    while (x < 1) x *= 10, exponent--;
  }
  for (int i = 0; i < 18; i++) {
    int digit = (int)x;
    text[n++] = (char)('0' + digit);
    x = (x - digit) * 10;
  }
  text[n++] = 'e';
  put(text, (u32)n);
  put(&exponent, 4);
}

static void solve(void) { /* A linear system by elimination with pivots. */
  enum { N = 12 };
  static double a[N][N + 1];
  for (int i = 0; i < N; i++)
    for (int j = 0; j <= N; j++) a[i][j] = unit() * 20 - 10;
  for (int k = 0; k < N; k++) {
    int pivot = k;
    for (int i = k + 1; i < N; i++)
      if (__builtin_fabs(a[i][k]) > __builtin_fabs(a[pivot][k])) pivot = i;
    for (int j = 0; j <= N; j++) {
      double t = a[k][j];
      a[k][j] = a[pivot][j];
      a[pivot][j] = t;
    }
    for (int i = k + 1; i < N; i++) {
      double factor = a[i][k] / a[k][k];
      for (int j = k; j <= N; j++) a[i][j] -= factor * a[k][j];
    }
  }
  for (int i = N - 1; i >= 0; i--) {
    double sum = a[i][N];
    for (int j = i + 1; j < N; j++) sum -= a[i][j] * a[j][N];
    put_double(a[i][N] = sum / a[i][i]);
  }
}

static void iterate(void) { /* Chaotic, so that a wrong last bit shows. */
  double x = 0.3, y = 0.2;
  float u = 0.3f, v = 0.2f;
  long double p = 0.3L, q = 0.2L;
  for (int n = 0; n < 400; n++) {
    double xx = 1 - 1.4 * x * x + y;
    y = 0.3 * x, x = xx;
    float uu = 1 - 1.4f * u * u + v;
    v = 0.3f * u, u = uu;
    long double pp = 1 - 1.4L * p * p + q;
    q = 0.3L * p, p = pp;
    if (n % 40 == 39) put_double(x), put_float(u), put_long(p);
  }
}

static long double square_root(long double x) {
  long double r;
  __asm__("fsqrt" : "=t"(r) : "0"(x));
  return r;
}
static long double remainder_of(long double x, long double y) {
  unsigned short status;
  do __asm__("fprem; fnstsw %%ax" : "+t"(x), "=a"(status) : "u"(y));
  while (status & 0x400);
  return x;
}
static long double rounded(long double x) {
  __asm__("frndint" : "+t"(x));
  return x;
}

static void convert(void) {
  for (int n = 0; n < 60; n++) {
    double x = (unit() - 0.5) * (double)(1ull << (random64() & 62));
    float f = (float)x;
    long double l = x + (long double)unit() * 1e-5L;
    put_float(f), put_long(l), put_double((double)l), put_float((float)l);
    put_u64((u64)(long long)x), put_u64((u64)(long long)l), put_u64((u64)(int)f);
    put_double((double)(long long)random64()), put_float((float)(int)random64()), put_long((long double)(long long)random64());
    put_u64(x < f ? 1 : x == f ? 2 : 3), put_u64(l < x ? 1 : l == x ? 2 : 3);
    put_double(__builtin_sqrt(__builtin_fabs(x))), put_long(square_root(l < 0 ? -l : l)), put_long(remainder_of(l, 0.7L)), put_long(rounded(l));
    put_decimal(l);
  }
}

static void extremes(void) { /* Overflow, underflow, denormals, infinities, NaNs. */
  volatile double huge = 1e308, tiny = 1e-308, zero = 0;
  volatile long double large = 1e4900L, small = 1e-4930L;
  put_double(huge * 10), put_double(tiny / 1e10), put_double(tiny * tiny), put_double(zero / zero), put_double(-1 / zero), put_double(huge - huge * 10);
  put_long(large * large), put_long(small * 1e-10L), put_long(small / 3), put_long(small * small), put_long(-large / (small * small));
  put_float((float)huge), put_float((float)tiny);
  for (int n = 0; n < 20; n++) tiny /= 7.3, put_double(tiny), small /= 11, put_long(small);
}

static double series(void) { /* pi and e by their series, and an integral. */
  double pi = 0, e = 1, term = 1, area = 0;
  for (int n = 0; n < 3000; n++) pi += (n & 1 ? -4.0 : 4.0) / (2 * n + 1);
  for (int n = 1; n < 25; n++) e += term /= n;
  for (int n = 0; n < 1000; n++) {
    double t = (n + 0.5) / 1000;
    area += __builtin_sqrt(1 - t * t) / 1000;
  }
  put_double(pi), put_double(e), put_double(area);
  float f[16];
  for (int n = 0; n < 16; n++) f[n] = (float)unit();
  for (int k = 0; k < 50; k++)
    for (int n = 0; n < 16; n++) f[n] = f[n] * 1.5f - f[(n + 1) & 15] * 0.25f;
  for (int n = 0; n < 16; n++) put_float(f[n]);
  return pi;
}

__attribute__((used)) void compute(void) {
  solve();
  iterate();
  convert();
  extremes();
  series();
#ifdef __x86_64__
  u32 mxcsr;
  __asm__("stmxcsr %0" : "=m"(mxcsr));
  put(&mxcsr, 4);
#endif
  unsigned short status;
  __asm__("fnstsw %0" : "=a"(status));
  put(&status, 2);
}
