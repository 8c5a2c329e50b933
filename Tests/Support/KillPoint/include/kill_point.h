// Loaded into pra-train by LD_PRELOAD; nothing is called from outside.
