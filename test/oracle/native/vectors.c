// Programs as compilers make them of C, with their own choice of SSE instructions: run on the processor, interpreted and translated.
// Built as a flat image at CODE (see test/oracle/layout.ts) that starts with `entry`; data pages are input and output.
#include <stdint.h>
#include <tmmintrin.h>

// With constant addresses they would not be vectorized.
#define NOINLINE __attribute__((noipa))
#define DATA ((uint8_t *)0x50000000)
#define IN DATA
#define OUT (DATA + 0x1000)

void work(void);
// The case ends at the INT3 behind the call.
__asm__(".globl entry\nentry: call work\nint3\n");

static NOINLINE uint32_t checksum(const uint8_t *p, int n) {
  uint32_t a = 1, b = 0;
  for (int i = 0; i < n; i++) {
    a = (a + p[i]) % 65521;
    b = (b + a) % 65521;
  }
  return b << 16 | a;
}

static NOINLINE int32_t dot(const int16_t *a, const int16_t *b, int n) {
  int32_t sum = 0;
  for (int i = 0; i < n; i++) sum += a[i] * b[i];
  return sum;
}

static NOINLINE void blend(uint8_t *to, const uint8_t *a, const uint8_t *b, int n) {
  for (int i = 0; i < n; i++) {
    int v = (a[i] * 3 + b[i] * 5 + 4) >> 3;
    to[i] = v > 200 ? 200 : v;
  }
}

static NOINLINE uint32_t differences(const uint8_t *a, const uint8_t *b, int n) {
  uint32_t sum = 0;
  for (int i = 0; i < n; i++) sum += a[i] > b[i] ? a[i] - b[i] : b[i] - a[i];
  return sum;
}

static NOINLINE void largest(int32_t *to, const int32_t *a, const int32_t *b, int n) {
  for (int i = 0; i < n; i++) to[i] = a[i] > b[i] ? a[i] : -b[i];
}

static NOINLINE void transpose(uint32_t *to, const uint32_t *from) {
  for (int i = 0; i < 8; i++)
    for (int k = 0; k < 8; k++) to[k * 8 + i] = from[i * 8 + k];
}

static NOINLINE void shifts(uint64_t *to, const uint64_t *from, int n) {
  for (int i = 0; i < n; i++) to[i] = from[i] << 13 ^ from[i] >> 7 ^ (uint64_t)((int64_t)from[i] << 3);
}

// Bytes in the other order within each doubleword, and hexadecimal digits, by PSHUFB.
static NOINLINE void swap(uint8_t *to, const uint8_t *from, int n) {
  const __m128i order = _mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3);
  for (int i = 0; i + 16 <= n; i += 16) _mm_storeu_si128((__m128i *)(to + i), _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(from + i)), order));
}
static NOINLINE void digits(uint8_t *to, const uint8_t *from, int n) {
  const __m128i table = _mm_setr_epi8('0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'), low = _mm_set1_epi8(15);
  for (int i = 0; i + 8 <= n; i += 8) {
    __m128i v = _mm_loadl_epi64((const __m128i *)(from + i));
    v = _mm_unpacklo_epi8(_mm_and_si128(_mm_srli_epi16(v, 4), low), _mm_and_si128(v, low));
    _mm_storeu_si128((__m128i *)(to + 2 * i), _mm_shuffle_epi8(table, v));
  }
}

// The classic MMX loop: saturating sums, then EMMS. gcc makes SSE of the intrinsics.
static NOINLINE void louder(int16_t *to, const int16_t *a, const int16_t *b, int n) {
  for (int i = 0; i + 4 <= n; i += 4)
    __asm__ volatile("movq (%1), %%mm0; movq %%mm0, %%mm2; movq (%2), %%mm1; pmulhw %%mm1, %%mm2; paddsw %%mm1, %%mm0; paddsw %%mm2, %%mm0; movq %%mm0, (%0)"
                     : : "r"(to + i), "r"(a + i), "r"(b + i) : "memory", "mm0", "mm1", "mm2");
  __asm__ volatile("emms");
}

static NOINLINE int scan(const uint8_t *p, uint8_t value, int n) {
  for (int i = 0; i + 16 <= n; i += 16) {
    int mask = _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(p + i)), _mm_set1_epi8((char)value)));
    if (mask) return i + __builtin_ctz(mask);
  }
  return -1;
}

void work(void) {
  uint32_t *results = (uint32_t *)OUT;
  blend(OUT + 0x100, IN + 3, IN + 0x205, 300);
  largest((int32_t *)(OUT + 0x240), (const int32_t *)(IN + 0x400), (const int32_t *)(IN + 0x500), 61);
  transpose((uint32_t *)(OUT + 0x340), (const uint32_t *)(IN + 0x600));
  shifts((uint64_t *)(OUT + 0x440), (const uint64_t *)(IN + 0x700), 17);
  swap(OUT + 0x4d0, IN + 0x7f1, 128);
  digits(OUT + 0x560, IN + 0x801, 128);
  louder((int16_t *)(OUT + 0x660), (const int16_t *)(IN + 0x900), (const int16_t *)(IN + 0xa00), 64);
  results[0] = checksum(IN, 0x1000);
  results[1] = (uint32_t)dot((const int16_t *)(IN + 2), (const int16_t *)(IN + 0x800), 1000);
  results[2] = differences(IN + 1, IN + 0x777, 2000);
  for (int i = 0; i < 16; i++) results[4 + i] = (uint32_t)scan(IN + i, IN[0x600 + i], 0x900);
  results[3] = checksum(OUT + 0x100, 0x600);
}
