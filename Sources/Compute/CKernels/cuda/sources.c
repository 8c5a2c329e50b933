#include "sources.h"

// C23's #embed, which SwiftPM follows as it does an #include.
#pragma clang diagnostic ignored "-Wc23-extensions"

#define TEXT(name) static const char name##_text[] =
// clang-format off
TEXT(elementwise) {
#embed "kernels/elementwise.cu"
, 0};
TEXT(moving) {
#embed "kernels/moving.cu"
, 0};
TEXT(norm) {
#embed "kernels/norm.cu"
, 0};
TEXT(reduction) {
#embed "kernels/reduction.cu"
, 0};
TEXT(optimizer) {
#embed "kernels/optimizer.cu"
, 0};
TEXT(convolution) {
#embed "kernels/convolution.cu"
, 0};
TEXT(products) {
#embed "kernels/products.cu"
, 0};
TEXT(attention) {
#embed "kernels/attention.cu"
, 0};
TEXT(integrator) {
#embed "kernels/integrator.cu"
, 0};
TEXT(device) {
#embed "kernels/device.cuh"
, 0};
TEXT(common) {
#embed "kernels/common.cuh"
, 0};
TEXT(attention_tiles) {
#embed "kernels/attention_tiles.cuh"
, 0};
TEXT(product_sources) {
#embed "kernels/product_sources.cuh"
, 0};
TEXT(rounded_sources) {
#embed "kernels/rounded_sources.cuh"
, 0};
TEXT(rounded_products) {
#embed "kernels/rounded_products.cuh"
, 0};
TEXT(rounded_attention) {
#embed "kernels/rounded_attention.cuh"
, 0};
TEXT(limits) {
#embed "limits.h"
, 0};
TEXT(arguments) {
#embed "../include/arguments.h"
, 0};
TEXT(operations) {
#embed "../include/operations.h"
, 0};
// clang-format on

const struct kernel_text cuda_family_texts[FAMILY_COUNT] = {
#define ROW(family) [FAMILY_##family] = {#family, family##_text},
    CUDA_FAMILIES(ROW)
#undef ROW
};

const struct kernel_text cuda_header_texts[] = {
    {"device.cuh", device_text},
    {"common.cuh", common_text},
    {"attention_tiles.cuh", attention_tiles_text},
    {"product_sources.cuh", product_sources_text},
    {"rounded_sources.cuh", rounded_sources_text},
    {"rounded_products.cuh", rounded_products_text},
    {"rounded_attention.cuh", rounded_attention_text},
    {"limits.h", limits_text},
    {"arguments.h", arguments_text},
    {"operations.h", operations_text},
    // NVRTC has no headers of the C library.
    {"stdbool.h", "#pragma once\n"},
    {"stddef.h", "#pragma once\ntypedef long ptrdiff_t;\n"},
    {"stdint.h",
     "#pragma once\ntypedef short int16_t;\ntypedef unsigned short uint16_t;\ntypedef int int32_t;\n"
     "typedef unsigned int uint32_t;\ntypedef long int64_t;\ntypedef unsigned long uint64_t;\n"},
    {0, 0},
};
