// Numbers on which launches and kernels agree.
#pragma once
/// The first of two words of an operation that no arguments use: a launch gives them to its kernels.
#define EXTRA_WORD 28
/// Largest size of an attention head.
#define ATTENTION_MOST_SIZE 128
