# Builds and installs libarrayrecord, static and shared, with nothing but a compiler, binutils and
# make. `make install` of the main Makefile leads here.
#
#   PREFIX      where it will be used from (/usr/local)
#   LIBDIR      its libraries (PREFIX/lib)
#   INCLUDEDIR  its headers (PREFIX/include)
#   DESTDIR     put in front of all of these while installing, for packages
#
# CXX, CXXFLAGS, CPPFLAGS, LDFLAGS, AR, LD, OBJCOPY and PKG_CONFIG are those of the environment.

PREFIX ?= /usr/local
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
PKG_CONFIG ?= pkg-config
OBJCOPY ?= objcopy
CXXFLAGS ?= -O2 -g
BUILD ?= build/library

number = $(shell sed -n 's/^.define AR_VERSION_$1 //p' cpp/arrayrecord.h)
version := $(call number,MAJOR).$(call number,MINOR).$(call number,PATCH)
# The number of the interface: it changes when programs must be compiled anew.
interface := 0

modules := libzstd libbrotlienc libbrotlidec libbrotlicommon snappy
flags := -std=c++17 -fPIC -fvisibility=hidden -fvisibility-inlines-hidden -Wall -Wextra \
	-ffile-prefix-map=$(CURDIR)=. -pthread
objects := $(patsubst cpp/%.cc,$(BUILD)/%.o,$(wildcard cpp/*.cc))
system := $(shell uname -s)

ifeq ($(system),Darwin)
shared := libarrayrecord.$(interface).dylib
shared_file := libarrayrecord.$(version).dylib
shared_link := libarrayrecord.dylib
shared_flags := -dynamiclib -install_name $(LIBDIR)/$(shared)
cxx_library := -lc++
else
shared := libarrayrecord.so.$(interface)
shared_file := libarrayrecord.so.$(version)
shared_link := libarrayrecord.so
shared_flags := -shared -Wl,--version-script=bazel/arrayrecord.lds -Wl,-soname,$(shared) -Wl,-z,defs
# The C++ library that the compiler links by itself.
cxx_library := $(if $(shell echo '\#include <version>' | $(CXX) -std=c++2a -E -dM -x c++ - | \
	grep _LIBCPP_VERSION),-lc++,-lstdc++)
endif
# gcc's unique symbols cannot be made local, and keep a library from being unloaded.
flags += $(shell echo | $(CXX) -fno-gnu-unique -E -x c++ - >/dev/null 2>&1 && echo -fno-gnu-unique)

.PHONY: all
all: $(BUILD)/libarrayrecord.a $(BUILD)/$(shared_file) $(BUILD)/$(shared) $(BUILD)/$(shared_link)

# One object whose only global symbols are the header's functions, where the linker can make that.
$(BUILD)/libarrayrecord.a: $(objects)
	@rm -f $@
ifeq ($(system),Linux)
	$(LD) -r --force-group-allocation $^ -o $(BUILD)/libarrayrecord.o
	$(OBJCOPY) --wildcard --keep-global-symbol='ar_*' $(BUILD)/libarrayrecord.o
	$(AR) rcs $@ $(BUILD)/libarrayrecord.o
else
	$(AR) rcs $@ $^
endif

$(BUILD)/$(shared_file): $(objects)
	$(CXX) $(shared_flags) $(LDFLAGS) -o $@ $^ $$($(PKG_CONFIG) --libs $(modules)) -pthread

$(BUILD)/$(shared) $(BUILD)/$(shared_link): $(BUILD)/$(shared_file)
	ln -sf $(shared_file) $@

$(BUILD)/%.o: cpp/%.cc | $(BUILD)/dependencies-found
	$(CXX) $(flags) $(CPPFLAGS) $(CXXFLAGS) $$($(PKG_CONFIG) --cflags $(modules)) -MMD -MP -c -o $@ $<

# What is missing is said once, not by the compiler for each file.
$(BUILD)/dependencies-found:
	@scripts/check-tools.sh library
	@mkdir -p $(@D)
	@touch $@

# From the folder of the CMake files to the headers, so that what is installed can be moved.
up = $(foreach part,$(subst /, ,$(patsubst $(PREFIX)%,%,$1)),../)
include_from_cmake := $(subst ../ ,../,$(call up,$(LIBDIR))../../)
relative_include := $(patsubst $(PREFIX)/%,%,$(INCLUDEDIR))

fill = sed -e 's|@PREFIX@|$(PREFIX)|g' -e 's|@LIBDIR@|$(LIBDIR)|g' \
	-e 's|@INCLUDEDIR@|$(INCLUDEDIR)|g' -e 's|@VERSION@|$(version)|g' \
	-e 's|@MODULES@|$(modules)|g' -e 's|@CXX_LIBRARY@|$(cxx_library)|g' \
	-e 's|@SHARED@|$(shared_link)|g' -e 's|@INCLUDE@|$(subst ../ ,../,$(include_from_cmake))$(relative_include)|g'

to := $(DESTDIR)$(LIBDIR)

.PHONY: install
install: all
	install -d "$(DESTDIR)$(INCLUDEDIR)" "$(to)/pkgconfig" "$(to)/cmake/arrayrecord"
	install -m 644 cpp/arrayrecord.h cpp/arrayrecord.hpp "$(DESTDIR)$(INCLUDEDIR)"
	install -m 644 $(BUILD)/libarrayrecord.a "$(to)"
	install -m 755 $(BUILD)/$(shared_file) "$(to)"
	ln -sf $(shared_file) "$(to)/$(shared)"
	ln -sf $(shared) "$(to)/$(shared_link)"
	$(fill) packaging/arrayrecord.pc.in >"$(to)/pkgconfig/arrayrecord.pc"
	$(fill) packaging/arrayrecord-config.cmake.in >"$(to)/cmake/arrayrecord/arrayrecord-config.cmake"
	$(fill) packaging/arrayrecord-config-version.cmake.in \
		>"$(to)/cmake/arrayrecord/arrayrecord-config-version.cmake"

.PHONY: uninstall
uninstall:
	rm -f "$(DESTDIR)$(INCLUDEDIR)/arrayrecord.h" "$(DESTDIR)$(INCLUDEDIR)/arrayrecord.hpp" \
		"$(to)/libarrayrecord.a" "$(to)/$(shared_file)" "$(to)/$(shared)" "$(to)/$(shared_link)" \
		"$(to)/pkgconfig/arrayrecord.pc" "$(to)/cmake/arrayrecord/arrayrecord-config.cmake" \
		"$(to)/cmake/arrayrecord/arrayrecord-config-version.cmake"
	rmdir "$(to)/cmake/arrayrecord" 2>/dev/null || true

-include $(wildcard $(BUILD)/*.d)
