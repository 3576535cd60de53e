#define _GNU_SOURCE
#include "CNetwork.h"

int cnetwork_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags) {
  return accept4(fd, address, length, flags);
}
