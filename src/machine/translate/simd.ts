/**
 * Vector instructions of WebAssembly by their names in the specification (Core Specification 2.0, 5.4.8): the number behind
 * the prefix 0xfd. Those that the translator emits.
 */
export const enum Simd {
  v128_load = 0, v128_store = 11, v128_const = 12, i8x16_shuffle = 13, i8x16_swizzle = 14,
  i8x16_splat = 15, i16x8_splat = 16, i32x4_splat = 17, i64x2_splat = 18,
  i32x4_extract_lane = 27, i32x4_replace_lane = 28, i64x2_extract_lane = 29, i64x2_replace_lane = 30,
  i8x16_eq = 35, i8x16_gt_s = 39, i16x8_eq = 45, i16x8_gt_s = 49, i32x4_eq = 55, i32x4_gt_s = 59,
  v128_not = 77, v128_and = 78, v128_andnot = 79, v128_or = 80, v128_xor = 81, v128_bitselect = 82,
  v128_store32_lane = 90, v128_store64_lane = 91, v128_load32_zero = 92, v128_load64_zero = 93,
  i8x16_abs = 96, i8x16_bitmask = 100, i8x16_narrow_i16x8_s = 101, i8x16_narrow_i16x8_u = 102,
  i8x16_add = 110, i8x16_add_sat_s = 111, i8x16_add_sat_u = 112, i8x16_sub = 113, i8x16_sub_sat_s = 114, i8x16_sub_sat_u = 115,
  i8x16_min_u = 119, i8x16_max_u = 121, i8x16_avgr_u = 123, i16x8_extadd_pairwise_i8x16_u = 125, i32x4_extadd_pairwise_i16x8_u = 127,
  i16x8_abs = 128, i16x8_q15mulr_sat_s = 130, i16x8_narrow_i32x4_s = 133, i16x8_shl = 139, i16x8_shr_s = 140, i16x8_shr_u = 141,
  i16x8_add = 142, i16x8_add_sat_s = 143, i16x8_add_sat_u = 144, i16x8_sub = 145, i16x8_sub_sat_s = 146, i16x8_sub_sat_u = 147,
  i16x8_mul = 149, i16x8_min_s = 150, i16x8_max_s = 152, i16x8_avgr_u = 155,
  i32x4_abs = 160, i32x4_bitmask = 164, i32x4_shl = 171, i32x4_shr_s = 172, i32x4_shr_u = 173, i32x4_add = 174, i32x4_sub = 177,
  i32x4_mul = 181, i32x4_dot_i16x8_s = 186, i32x4_extmul_low_i16x8_s = 188, i32x4_extmul_high_i16x8_s = 189,
  i32x4_extmul_low_i16x8_u = 190, i32x4_extmul_high_i16x8_u = 191,
  i64x2_bitmask = 196, i64x2_shl = 203, i64x2_shr_s = 204, i64x2_shr_u = 205, i64x2_add = 206, i64x2_sub = 209, i64x2_mul = 213,
  f32x4_eq = 65, f32x4_lt = 67, f32x4_gt = 68, f32x4_le = 69, f32x4_ge = 70, f64x2_eq = 71, f64x2_lt = 73, f64x2_gt = 74, f64x2_le = 75, f64x2_ge = 76,
  v128_any_true = 83, f64x2_promote_low_f32x4 = 95, i32x4_lt_u = 58,
  i32x4_trunc_sat_f32x4_s = 248, f32x4_convert_i32x4_s = 250, f64x2_convert_low_i32x4_s = 254,
  f32x4_abs = 224, f32x4_sqrt = 227, f32x4_add = 228, f32x4_sub = 229, f32x4_mul = 230, f32x4_div = 231, f32x4_pmin = 234, f32x4_pmax = 235,
  f64x2_abs = 236, f64x2_sqrt = 239, f64x2_add = 240, f64x2_sub = 241, f64x2_mul = 242, f64x2_div = 243, f64x2_pmin = 246, f64x2_pmax = 247,
}
