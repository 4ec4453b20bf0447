"""The codecs and GoogleTest: the system's, or modules where Bazel has them."""

load("@rules_cc//cc:defs.bzl", "cc_library")

# With modules the name of this repository begins with two @.
_modules = str(Label("//bazel:BUILD.bazel")).startswith("@@")

def library(name, linkopts, modules, **kwargs):
    """A library of others.

    Args:
      name: the target.
      linkopts: how the linker finds the system's. Its headers are on the compiler's own search path.
      modules: the targets of the central registry.
      **kwargs: for cc_library, with both.
    """
    deps = kwargs.pop("deps", [])
    if _modules:
        cc_library(name = name, deps = modules + deps, **kwargs)
    else:
        cc_library(name = name, linkopts = linkopts, deps = deps, **kwargs)
