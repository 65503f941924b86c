# cache_ext: merged configuration from shared memory.
#
#   make, make install, make installcheck   as every PGXS extension has them
#   make demo, make test, make bench        from a clone: install what they need,
#                                           start servers of their own, stop them
#   make mutants                            break the protocol; the oracle must notice

# Where this file is: not the current directory in a build outside of the tree.
TREE := $(dir $(lastword $(MAKEFILE_LIST)))

MODULE_big = cache_ext
OBJS = $(patsubst $(TREE)%.c,%.o,$(sort $(wildcard $(TREE)src/*.c $(TREE)src/*/*.c)))
EXTENSION = cache_ext
DATA = $(patsubst $(TREE)%,%,$(wildcard $(TREE)sql/cache_ext--*.sql))
PGFILEDESC = "cache_ext - merged configuration from shared memory"

REGRESS = setup tables merge read key_bytes plan explain views invalidate transaction ddl store base security \
	attach keys triggers sources catalogs suspended limits finding shape_allowlist shape_chain shape_partitioned frames
REGRESS_OPTS = --inputdir=$(srcdir)/test --outputdir=.
ISOLATION = $(basename $(notdir $(sort $(wildcard $(TREE)test/isolation/specs/*.spec))))
ISOLATION_OPTS = --inputdir=$(srcdir)/test/isolation
TAP_TESTS = 1
PROVE_TESTS = test/t/*.pl

PG_CPPFLAGS = -I$(TREE)src
PG_CFLAGS = -fno-plt -fvisibility=hidden -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)

ifneq ($(PGXS),)
include $(PGXS)
endif

# Every object depends on every header: there are few of both.
$(OBJS): $(wildcard $(TREE)src/*/*.h)

# Where the build is outside of the tree (VPATH), the folders are missing.
$(shell mkdir -p $(sort $(dir $(OBJS))))

# Some TAP tests preload a library of their own.
installcheck: test-module

.PHONY: test-module
test-module:
	@$(MAKE) -s -C test/module PG_CONFIG=$(PG_CONFIG)

.PHONY: demo test bench mutants
demo test bench mutants:
	@scripts/$@
