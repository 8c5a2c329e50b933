// Headers and words of the files of kernels.
#pragma once
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "exchange.h"
#include "operations.h"
#include "philox.h"
#include "../numbers.h"
#include "../workspace.h"
#include "tables.h"

/// A function of one operation; the reason why it is not inlined stands in unpack.inc.h.
#define KERNEL static __attribute__((noinline))
