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
#endif
