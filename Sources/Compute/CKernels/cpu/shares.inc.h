// Operations that share their work out by themselves, and the table of all.
#include "products.inc.h"
#include "integrator.inc.h"
#include "table.inc.h"
#if REAL_IS_FLOAT
#include "rounded.inc.h"
#endif
