#define _GNU_SOURCE
#include "CNetwork.h"

#include <sys/mman.h>

int cnetwork_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags) {
  return accept4(fd, address, length, flags);
}

int cnetwork_memory_file(const char *name) { return memfd_create(name, MFD_CLOEXEC); }
