#ifndef BINNACLE_CYAML_H
#define BINNACLE_CYAML_H
#include <yaml.h>
#endif
