#ifndef BINNACLE_CSODIUM_H
#define BINNACLE_CSODIUM_H
#include <sodium.h>
#endif
