// Loaded into pra-train by LD_PRELOAD; it has no functions to call.
