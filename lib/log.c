// SPDX-License-Identifier: GPL-2.0-only
/* Messages to stderr: one line each, with the tool's name in front, harmless to a terminal. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bk.h"
#include "escape.h"

static struct {
	const char *name;
	unsigned int verbose;
	char cause[512];
} log_state = { .name = "bpfkit" };

void bk_log_init(const char *name, unsigned int verbose)
{
	log_state.name = name;
	log_state.verbose = verbose;
}

static void say(bool named, const char *fmt, va_list ap)
{
	char text[1024], line[BK_ESCAPE_MAX(sizeof(text)) + 64];
	int n = vsnprintf(text, sizeof(text), fmt, ap);
	int head = named ? snprintf(line, 64, "%s: ", log_state.name) : 0;

	if (n >= (int)sizeof(text))
		n = sizeof(text) - 1;
	while (n > 0 && text[n - 1] == '\n')
		n--;
	n = head + bk_escape(line + head, text, n > 0 ? n : 0, false, NULL);
	line[n++] = '\n';
	/* a message that cannot be written has nobody to be told to */
	if (write(STDERR_FILENO, line, n) < 0)
		return;
}

#define SAY(fn, named, when)          \
	void fn(const char *fmt, ...) \
	{                             \
		va_list ap;           \
                                      \
		if (!(when))          \
			return;       \
		va_start(ap, fmt);    \
		say(named, fmt, ap);  \
		va_end(ap);           \
	}

SAY(bk_error, true, true)
SAY(bk_warn, true, true)
SAY(bk_note, true, true)
SAY(bk_total, false, true)
SAY(bk_debug, true, log_state.verbose)

/* The complaint is the last line of a verifier's log, in front of its statistics. */
static bool is_complaint(const char *line)
{
	return strncmp(line, "-- END", 6) && strncmp(line, "processed ", 10) &&
	       !strstr(line, "BEGIN PROG LOAD LOG") && strncmp(line, "verification time", 17) &&
	       strncmp(line, "stack depth", 11);
}

static void keep_cause(const char *line)
{
	if (!strncmp(line, "libbpf: ", 8))
		line += 8;
	snprintf(log_state.cause, sizeof(log_state.cause), "%.511s", line);
}

/*
 * libbpf speaks in several lines, of which one names the cause: a verifier's complaint, or the first
 * warning. Its guess about the memory limit is wrong on every kernel since 5.11 and never shown.
 */
static int from_libbpf(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	char *text, *line, *save = NULL, *complaint = NULL;
	bool verifier;

	if ((level == LIBBPF_DEBUG && log_state.verbose < 2) || vasprintf(&text, fmt, ap) < 0)
		return 0;
	verifier = strstr(text, "BEGIN PROG LOAD LOG");
	if (!verifier && strstr(text, "ulimit -l")) {
		free(text);
		return 0;
	}
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (verifier && is_complaint(line))
			complaint = line;
		else if (!verifier && level == LIBBPF_WARN && !log_state.cause[0] &&
			 !strstr(line, "Retrying"))
			keep_cause(line);
		if (log_state.verbose > (verifier ? 1 : 0))
			bk_debug("%s", line);
	}
	if (level == LIBBPF_WARN && complaint)
		keep_cause(complaint);
	free(text);
	return 0;
}

void bk_log_libbpf(void)
{
	libbpf_set_print(from_libbpf);
}

void bk_log_forget(void)
{
	log_state.cause[0] = 0;
}

void bk_log_set_cause(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(log_state.cause, sizeof(log_state.cause), fmt, ap);
	va_end(ap);
}

const char *bk_log_cause(void)
{
	return log_state.cause[0] ? log_state.cause : NULL;
}
