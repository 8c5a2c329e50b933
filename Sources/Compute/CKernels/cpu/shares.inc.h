// Operations that share their work out by themselves, and the table of all.
#include "products.inc.h"
#include "integrator.inc.h"
#include "table.inc.h"
