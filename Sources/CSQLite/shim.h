#include <sqlite3.h>
#include <sys/prctl.h>

// prctl(2) is variadic, which Swift cannot call. The calling thread's name, as `top -H` shows it.
static inline void csqlite_name_thread(const char *name) { prctl(PR_SET_NAME, name, 0, 0, 0); }
