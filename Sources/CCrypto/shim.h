#ifndef BINNACLE_CCRYPTO_H
#define BINNACLE_CCRYPTO_H
#include <openssl/evp.h>
#endif
