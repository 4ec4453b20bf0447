"""Compiler options for this repository's own code."""

_WARNINGS = [
    "-Wall",
    "-Wextra",
    "-Werror",
]

C_OPTS = _WARNINGS + ["-std=c11"]

CXX_OPTS = _WARNINGS + ["-std=c++17"]
