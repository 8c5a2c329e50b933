// Numbers on which launches and kernels agree.
#pragma once
/// The first of two words of an operation that no arguments use: a launch gives them to its kernels.
#define EXTRA_WORD 28
/// Largest size of an attention head.
#define ATTENTION_MOST_SIZE 128
/// Products on the tensor cores: numbers of k in a tile, halves from one of its rows to the next, tiles of each factor.
#define ROUNDED_DEPTH 32
#define ROUNDED_LINE 40
#define ROUNDED_STAGES 3
/// Attention on the tensor cores: rows that a block computes, and halves beyond a row's numbers.
#define ROUNDED_ROWS 64
#define ROUNDED_GAP 8
