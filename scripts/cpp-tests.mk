# Builds and runs the C++ tests with nothing but a compiler, make and GoogleTest, for machines
# without Bazel. The Bazel build has more: sanitizers, the shared library, fuzzers.
#
# What stands in cpp/tests/oracle links one more library, which the core is compared with.
#
# Usage: make -f scripts/cpp-tests.mk [run-NAME_test ...]
#   OUT       where to build (build/cpp-tests)
#   CPPFLAGS  more flags, for the preprocessor or the processor
#   RUNNER    what runs the programs, such as qemu-aarch64-static

OUT ?= build/cpp-tests
out := $(OUT)
cxx_flags := -std=c++17 -O1 -g -Wall -Wextra -Werror -fvisibility=hidden -Icpp -MMD -MP $(CPPFLAGS)
c_flags := -std=c11 -O1 -g -Wall -Wextra -Werror -Icpp -MMD -MP $(CPPFLAGS)
codecs := -lbrotlienc -lbrotlidec -lbrotlicommon -lsnappy -lzstd
gtest := -lgmock -lgtest_main -lgtest

core := $(patsubst cpp/%.cc,$(out)/%.o,$(wildcard cpp/*.cc))
test_names := $(patsubst cpp/tests/%.cc,%,$(wildcard cpp/tests/*_test.cc))
c_test_names := $(patsubst cpp/tests/%.c,%,$(wildcard cpp/tests/*_test.c))
oracle_names := $(patsubst cpp/tests/oracle/%.cc,%,$(wildcard cpp/tests/oracle/*_test.cc))
helpers := $(patsubst cpp/tests/%.cc,$(out)/tests/%.o,\
	$(filter-out %_test.cc,$(wildcard cpp/tests/*.cc)))
programs := $(addprefix $(out)/,$(test_names) $(c_test_names) $(oracle_names))

.PHONY: run
run: $(addprefix run-,$(test_names) $(c_test_names) $(oracle_names) required_only_test)

.PHONY: run-%
run-%: $(out)/%
	@echo "==> $*"
	@$(RUNNER) $< --gtest_brief=1

$(out)/libcore.a: $(core)
	@rm -f $@
	ar rcs $@ $^

$(addprefix $(out)/,$(test_names)): $(out)/%: $(out)/tests/%.o $(helpers) $(out)/libcore.a
	$(CXX) -o $@ $^ $(gtest) $(codecs) -pthread

$(addprefix $(out)/,$(oracle_names)): $(out)/%: $(out)/tests/oracle/%.o $(out)/libcore.a
	$(CXX) -o $@ $^ -lhighwayhash $(gtest) $(codecs) -pthread

$(addprefix $(out)/,$(c_test_names)): $(out)/%: $(out)/tests/%.o $(out)/libcore.a
	$(CC) -o $@ $^ $(codecs) -lstdc++ -lm -pthread

# c_api_test once more, on a core without the header's optional functions.
$(out)/required_only_test: $(out)/tests/c_api_required.o $(out)/capi_required.o $(out)/libcore.a
	$(CC) -o $@ $^ $(codecs) -lstdc++ -lm -pthread

$(out)/capi_required.o: cpp/capi_optional.cc
	@mkdir -p $(@D)
	$(CXX) $(cxx_flags) -DAR_REQUIRED_ONLY -c -o $@ $<

$(out)/tests/c_api_required.o: cpp/tests/c_api_test.c
	@mkdir -p $(@D)
	$(CC) $(c_flags) -DAR_REQUIRED_ONLY -c -o $@ $<

$(out)/%.o: cpp/%.cc
	@mkdir -p $(@D)
	$(CXX) $(cxx_flags) -c -o $@ $<

$(out)/%.o: cpp/%.c
	@mkdir -p $(@D)
	$(CC) $(c_flags) -c -o $@ $<

# Keeps make from deleting the objects between two runs.
.SECONDARY:

-include $(wildcard $(out)/*.d $(out)/tests/*.d $(out)/tests/oracle/*.d)
