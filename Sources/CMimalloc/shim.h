#ifndef BINNACLE_CMIMALLOC_H
#define BINNACLE_CMIMALLOC_H
#include <mimalloc.h>
#endif
