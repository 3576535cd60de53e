#ifndef BINNACLE_CNGHTTP2_H
#define BINNACLE_CNGHTTP2_H
#include <nghttp2/nghttp2.h>
#endif
