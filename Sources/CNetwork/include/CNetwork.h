#ifndef BINNACLE_CNETWORK_H
#define BINNACLE_CNETWORK_H
// Headers that Swift's Glibc module lacks, and functions that need _GNU_SOURCE. That macro may not be defined here: the system's types would then
// differ from the Glibc module's.
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

int cnetwork_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags);

// A file that is in memory alone (memfd_create(2)), closed by exec; -1 and errno when there is none.
int cnetwork_memory_file(const char *name);
#endif
