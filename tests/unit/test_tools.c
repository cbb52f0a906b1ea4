// SPDX-License-Identifier: GPL-2.0-only
/* The tables of every tool there is: what the compiler cannot see in them. */
#include "test.h"

#include <ctype.h>

#define TOOL(name) extern const struct bk_tool name##_tool;
#include "tools.h"
#undef TOOL

static const struct bk_tool *const tools[] = {
#define TOOL(name) &name##_tool,
#include "tools.h"
#undef TOOL
};

/* Names of the options that all tools share, separated by newlines. */
static char shared[8192];

static int read_shared(void **state)
{
	const struct bk_tool all = { .name = "all", .common = ~0U };
	struct capture c = capture_begin(STDOUT_FILENO);
	const char *text;

	bk_complete(&all, NULL, NULL);
	text = capture_end(&c);
	for (char *d = shared + sprintf(shared, "\n"); *text; text += strcspn(text, "\n") + 1)
		if (begins(text, "--"))
			d += sprintf(d, "%.*s\n", (int)strcspn(text, "\t") - 2, text + 2);
	return 0;
}

static bool is_shared(const char *name)
{
	char line[64];

	snprintf(line, sizeof(line), "\n%s\n", name);
	return strstr(shared, line);
}

static void test_names(void **state)
{
	assert_true(ARRAY_LEN(tools) > 0);
	for (size_t i = 0; i < ARRAY_LEN(tools); i++) {
		assert_true(i == 0 || strcmp(tools[i - 1]->name, tools[i]->name) < 0); /* sorted */
		assert_non_null(tools[i]->summary);
		assert_true(*tools[i]->summary &&
			    tools[i]->summary[strlen(tools[i]->summary) - 1] != '.');
		assert_in_range(tools[i]->group, 0, BK_GROUPS - 1);
		for (const struct bk_alias *a = tools[i]->aliases; a && a->name; a++)
			for (size_t k = 0; k < ARRAY_LEN(tools); k++) {
				assert_string_not_equal(a->name, tools[k]->name);
				for (const struct bk_alias *b = tools[k]->aliases; b && b->name;
				     b++)
					assert_true(a == b || strcmp(a->name, b->name));
			}
	}
}

/* No two rows have a name or a letter in common, and none takes the name of a shared option. */
static void test_options(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(tools); i++)
		for (const struct bk_opt *o = tools[i]->opts; o && o->type; o++) {
			const char *tool = tools[i]->name;

			if (!o->name || !*o->name)
				fail_msg("%s: an option without a name", tool);
			if (o->letter && !isalnum(o->letter))
				fail_msg("%s: --%s has a letter that is none", tool, o->name);
			for (const struct bk_opt *p = tools[i]->opts; p < o; p++) {
				if (!strcmp(p->name, o->name))
					fail_msg("%s has --%s twice", tool, o->name);
				if (o->letter && p->letter == o->letter)
					fail_msg("%s has -%c twice: --%s, --%s", tool, o->letter,
						 p->name, o->name);
			}
			/* but for --count: that is a second name of --limit, which every tool has */
			if (!strcmp(o->name, "count") && o->type != BK_OPT_SHARED)
				assert_true(tools[i]->common & BK_COUNT);
			else if (is_shared(o->name) != (o->type == BK_OPT_SHARED))
				fail_msg("%s: --%s is %s", tool, o->name,
					 is_shared(o->name) ? "a shared option, too" :
							      "no shared option");
			if (o->letter == 'h' || o->letter == 'v')
				fail_msg("%s takes -%c away from --help or --verbose", tool,
					 o->letter);
			if (o->type == BK_OPT_SHARED)
				continue;
			if (!o->help || !*o->help || o->help[strlen(o->help) - 1] == '.')
				fail_msg("%s: the help of --%s is missing or ends with a stop",
					 tool, o->name);
			if (!o->arg != (o->type == BK_OPT_FLAG))
				fail_msg("%s: --%s takes a value or does not?", tool, o->name);
			if (!o->to.flag)
				fail_msg("%s: --%s goes nowhere", tool, o->name);
			if (!o->choices != (o->type != BK_OPT_ENUM && o->type != BK_OPT_SET))
				fail_msg("%s: --%s has choices or has not?", tool, o->name);
			if ((o->type == BK_OPT_U32 || o->type == BK_OPT_LIST) &&
			    (o->min > o->max || o->max > UINT32_MAX))
				fail_msg("%s: --%s takes no number", tool, o->name);
		}
}

/* A letter that a tool gives to a shared option is really its. */
static void test_letters_of_shared(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(tools); i++)
		for (const struct bk_opt *o = tools[i]->opts; o && o->type; o++) {
			struct capture c;
			char want[64];

			if (o->type != BK_OPT_SHARED)
				continue;
			c = capture_begin(STDOUT_FILENO);
			bk_man_options(tools[i]);
			capture_end(&c);
			snprintf(want, sizeof(want), ".It Fl %c , Fl Fl %s ", o->letter, o->name);
			if (!strstr(test_text, want))
				fail_msg("%s: -%c is not --%s", tools[i]->name, o->letter, o->name);
		}
}

static size_t size_of(enum bk_kind kind)
{
	switch (kind) {
	case BK_COL_U8:
		return 1;
	case BK_COL_BOOL:
		return sizeof(bool);
	case BK_COL_U16:
		return 2;
	case BK_COL_U32:
	case BK_COL_S32:
	case BK_COL_ERRNO:
		return 4;
	case BK_COL_U64:
	case BK_COL_US:
	case BK_COL_TIME:
		return 8;
	case BK_COL_PTR:
		return sizeof(char *);
	case BK_COL_MAC:
		return 6;
	case BK_COL_IP:
		return sizeof(struct bk_net);
	default:
		return 0;
	}
}

/* A column's kind is that of its member, and its name in JSON is its own. */
static void test_columns(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(tools); i++)
		for (const struct bk_col *c = tools[i]->cols; c && c->kind; c++) {
			const char *tool = tools[i]->name, *name = c->name ? c->name : c->head;

			if (!name)
				fail_msg("%s: a column that is nowhere", tool);
			if (!c->put &&
			    (c->kind == BK_COL_STR ? !c->size : c->size != size_of(c->kind)))
				fail_msg("%s: the column %s has a member of %u bytes", tool, name,
					 c->size);
			for (const char *p = c->name; p && *p; p++)
				if (!islower(*p) && !isdigit(*p) && *p != '_')
					fail_msg("%s: '%s' is no name in JSON", tool, name);
			for (const struct bk_col *d = tools[i]->cols; c->name && d < c; d++)
				if (d->name && !strcmp(d->name, c->name))
					fail_msg("%s has the column %s twice", tool, name);
			if (c->name && !strcmp(c->name, "type"))
				fail_msg("%s: a column has the name of the record's type", tool);
			if (c->head && (int)strlen(c->head) > abs(c->width) && c->width)
				fail_msg("%s: the heading %s is wider than its column", tool,
					 c->head);
		}
}

static void test_examples(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(tools); i++)
		for (const char *p = tools[i]->examples; p && *p;) {
			size_t left = strcspn(p, "\t\n"), right = strcspn(p + left, "\n");

			if (p[left] != '\t' || p[left + right] != '\n' || !left || right < 2)
				fail_msg("%s: an example that is no COMMAND, tab, MEANING, newline: %s",
					 tools[i]->name, p);
			if (!memmem(p, left, tools[i]->name, strlen(tools[i]->name)) &&
			    !tools[i]->aliases)
				fail_msg("%s: an example of something else: %.*s", tools[i]->name,
					 (int)left, p);
			p += left + right + 1;
		}
}

static void test_probes(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(tools); i++) {
		size_t n = 0;

		for (; tools[i]->probes && tools[i]->probes[n]; n++)
			for (size_t k = 0; k < n; k++)
				assert_string_not_equal(tools[i]->probes[k], tools[i]->probes[n]);
		assert_true(!tools[i]->probes || n > 0);
		assert_non_null(tools[i]->skel);
		assert_true(tools[i]->event || tools[i]->report);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_options),
		cmocka_unit_test(test_letters_of_shared),
		cmocka_unit_test(test_columns),
		cmocka_unit_test(test_examples),
		cmocka_unit_test(test_probes),
	};

	return cmocka_run_group_tests(tests, read_shared, NULL);
}
