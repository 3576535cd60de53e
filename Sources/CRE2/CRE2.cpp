#include "CRE2.h"

#include <re2/re2.h>

struct cre2_regexp {
  cre2_regexp(const re2::StringPiece &pattern, const RE2::Options &options) : re(pattern, options) {}
  RE2 re;
};

extern "C" {

cre2_regexp *cre2_compile(const char *pattern, size_t size, int64_t memory) {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(memory);
  return new cre2_regexp(re2::StringPiece(pattern, size), options);
}

enum cre2_fault cre2_fault_of(const cre2_regexp *regexp) {
  switch (regexp->re.error_code()) {
  case RE2::NoError: return CRE2_NONE;
  case RE2::ErrorInternal: return CRE2_INTERNAL;
  case RE2::ErrorBadEscape: return CRE2_ESCAPE;
  case RE2::ErrorBadCharClass: return CRE2_CLASS;
  case RE2::ErrorBadCharRange: return CRE2_RANGE;
  case RE2::ErrorMissingBracket: return CRE2_MISSING_BRACKET;
  case RE2::ErrorMissingParen: return CRE2_MISSING_PARENTHESIS;
  case RE2::ErrorUnexpectedParen: return CRE2_UNEXPECTED_PARENTHESIS;
  case RE2::ErrorTrailingBackslash: return CRE2_TRAILING_BACKSLASH;
  case RE2::ErrorRepeatArgument: return CRE2_REPEAT_ARGUMENT;
  case RE2::ErrorRepeatSize: return CRE2_REPEAT_SIZE;
  case RE2::ErrorRepeatOp: return CRE2_REPEAT_OPERATOR;
  case RE2::ErrorBadPerlOp: return CRE2_PERL_OPERATOR;
  case RE2::ErrorBadUTF8: return CRE2_UTF8;
  case RE2::ErrorBadNamedCapture: return CRE2_NAMED_CAPTURE;
  case RE2::ErrorPatternTooLarge: return CRE2_TOO_LARGE;
  }
  return CRE2_INTERNAL;
}

const char *cre2_fault_text(const cre2_regexp *regexp, size_t *size) {
  *size = regexp->re.error_arg().size();
  return regexp->re.error_arg().data();
}

int cre2_matches(const cre2_regexp *regexp, const char *text, size_t size) {
  return regexp->re.Match(re2::StringPiece(text, size), 0, size, RE2::UNANCHORED, nullptr, 0) ? 1 : 0;
}

int cre2_find(const cre2_regexp *regexp, const char *text, size_t size, size_t from, size_t *start, size_t *end) {
  re2::StringPiece found;
  if (!regexp->re.Match(re2::StringPiece(text, size), from, size, RE2::UNANCHORED, &found, 1)) return 0;
  *start = static_cast<size_t>(found.data() - text);
  *end = *start + found.size();
  return 1;
}

void cre2_free(cre2_regexp *regexp) { delete regexp; }
}
