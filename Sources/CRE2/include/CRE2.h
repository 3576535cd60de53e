#ifndef BINNACLE_CRE2_H
#define BINNACLE_CRE2_H
// RE2 behind C functions: its own interface is C++, which Swift is not to see.
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// An expression, compiled or refused.
typedef struct cre2_regexp cre2_regexp;

/// What is wrong with an expression.
enum cre2_fault {
  CRE2_NONE,
  CRE2_INTERNAL,
  CRE2_ESCAPE,
  CRE2_CLASS,
  CRE2_RANGE,
  CRE2_MISSING_BRACKET,
  CRE2_MISSING_PARENTHESIS,
  CRE2_UNEXPECTED_PARENTHESIS,
  CRE2_TRAILING_BACKSLASH,
  CRE2_REPEAT_ARGUMENT,
  CRE2_REPEAT_SIZE,
  CRE2_REPEAT_OPERATOR,
  CRE2_PERL_OPERATOR,
  CRE2_UTF8,
  CRE2_NAMED_CAPTURE,
  CRE2_TOO_LARGE
};

/// Never NULL; the caller frees it. `memory`: about how many bytes the program and the caches of its matches may take.
cre2_regexp *cre2_compile(const char *pattern, size_t size, int64_t memory);
enum cre2_fault cre2_fault_of(const cre2_regexp *regexp);
/// The part of the expression that is at fault, not terminated; as long as `regexp` is there.
const char *cre2_fault_text(const cre2_regexp *regexp, size_t *size);
/// 1 where the expression matches somewhere in the text. Of an expression without fault; on any thread, on several at once.
int cre2_matches(const cre2_regexp *regexp, const char *text, size_t size);
/// 1 where it matches at `from` or behind it, and then the bytes of the first match, the one that Go takes.
int cre2_find(const cre2_regexp *regexp, const char *text, size_t size, size_t from, size_t *start, size_t *end);
void cre2_free(cre2_regexp *regexp);

#ifdef __cplusplus
}
#endif
#endif
