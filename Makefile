# cache_ext: merged configuration from shared memory.
#
#   make, make install, make installcheck   as every PGXS extension has them
#   make demo, make test, make bench        from a clone: install what they need,
#                                           start servers of their own, stop them
#   make mutants                            break the protocol; the oracle must notice
#   make lint, make indent                  what tools find in the sources; their format
#   make coverage                           what the tests run of the C
#   make matrix                             the tests on every PostgreSQL, in chroots of Debian
#   make release                            the archive for PGXN, if all that names the version agrees

# Where this file is: make -f works in another directory, and builds there.
TOP := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))

SOURCES = $(sort $(wildcard $(TOP)/src/*.c $(TOP)/src/*/*.c))
SOURCE_HEADERS = $(wildcard $(TOP)/src/*.h $(TOP)/src/*/*.h)

MODULE_big = cache_ext
OBJS = $(patsubst $(TOP)/%.c,%.o,$(SOURCES))
EXTENSION = cache_ext
EXTVERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" $(TOP)/cache_ext.control)
# The install script is made of these, of sql/install, in this order.  (In sql itself
# pg_regress would take them for tests.)
INSTALL_SCRIPT_PARTS = schema types tables read attach invalidate entries explain prewarm stats health roles
DATA = $(patsubst $(TOP)/%,%,$(wildcard $(TOP)/sql/cache_ext--*--*.sql))
DATA_built = cache_ext--$(EXTVERSION).sql
EXTRA_CLEAN = cache_ext--*.sql
PGFILEDESC = "cache_ext - merged configuration from shared memory"

REGRESS = setup tables merge read key_bytes plan explain views invalidate transaction ddl store base security \
	attach keys names triggers sources catalogs suspended limits finding shape_allowlist shape_chain shape_partitioned frames
REGRESS_OPTS = --inputdir=$(srcdir)/test --outputdir=.
ISOLATION = $(sort $(basename $(notdir $(wildcard $(TOP)/test/isolation/specs/*.spec))))
ISOLATION_OPTS = --inputdir=$(srcdir)/test/isolation
TAP_TESTS = 1
PROVE_TESTS = test/t/*.pl

PG_CPPFLAGS = -I$(TOP)/src
PG_CFLAGS = -fno-plt -fvisibility=hidden -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare

ifneq ($(TOP),.)
VPATH ?= $(TOP)
$(shell mkdir -p $(sort $(dir $(OBJS))))
endif

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)

ifneq ($(PGXS),)
include $(PGXS)
endif

# Every object depends on every header: there are few of both.
$(OBJS): $(SOURCE_HEADERS)

$(DATA_built): $(INSTALL_SCRIPT_PARTS:%=$(TOP)/sql/install/%.sql) $(TOP)/cache_ext.control $(TOP)/Makefile
	(echo '-- Made from sql/install/*.sql by make.'; for f in $(filter %.sql,$^); do echo; cat $$f; done) >$@

# Some TAP tests preload a library of their own.
installcheck: test-module

.PHONY: test-module
test-module:
	@$(MAKE) -s -C $(TOP)/test/module PG_CONFIG=$(PG_CONFIG)

.PHONY: demo test bench mutants release lint indent coverage matrix
demo test bench mutants release lint indent coverage matrix:
	@$(TOP)/scripts/$@
