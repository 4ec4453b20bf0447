"""Compiler options for this repository's own code. .bazelrc adds -Werror here, not where others build it."""

_WARNINGS = [
    "-Wall",
    "-Wextra",
]

C_OPTS = _WARNINGS + ["-std=c11"]

CXX_OPTS = _WARNINGS + ["-std=c++17"]
