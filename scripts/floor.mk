# Builds build/floor, the bare loops that the library is measured against (cpp/benchmarks), with
# nothing but a compiler and make.
#
# Usage: make -f scripts/floor.mk

out := build/floor-objects
# The same optimization as the library has in Go programs (cpp/cpp.go).
cxx_flags := -std=c++17 -O2 -g -Wall -Wextra -Werror -Icpp -MMD -MP
codecs := -lbrotlienc -lbrotlidec -lbrotlicommon -lsnappy -lzstd

objects := $(patsubst cpp/%.cc,$(out)/%.o,$(wildcard cpp/*.cc cpp/benchmarks/*.cc))

build/floor: $(objects)
	$(CXX) -o $@ $^ $(codecs) -pthread

$(out)/%.o: cpp/%.cc
	@mkdir -p $(@D)
	$(CXX) $(cxx_flags) -c -o $@ $<

-include $(wildcard $(out)/*.d $(out)/benchmarks/*.d)
