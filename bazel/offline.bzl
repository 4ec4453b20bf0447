"""The repositories that Bazel 4 asks for by itself, for builds that download nothing.

Debian packages three of them (bazel-platforms, bazel-rules-java, bazel-rules-proto); the other two
need so little that bazel/shims holds it. A workspace that uses this one calls the same function.
Newer versions of Bazel have MODULE.bazel instead.
"""

def _shim_impl(ctx):
    shim = ctx.path(Label("//bazel:BUILD.bazel")).dirname.get_child("shims").get_child(ctx.attr.shim)
    for file in shim.readdir():
        ctx.symlink(file, file.basename)

_shim = repository_rule(
    implementation = _shim_impl,
    attrs = {"shim": attr.string(mandatory = True)},
    local = True,
)

_DEBIAN = {
    "platforms": "/usr/share/bazel/platforms",
    "rules_java": "/usr/share/bazel/rules/java",
    "rules_proto": "/usr/share/bazel/rules/proto",
}

_SHIMS = ["rules_cc", "remote_coverage_tools"]

def offline_repositories():
    """Defines those that the workspace has not defined before."""
    defined = native.existing_rules()
    for name, path in _DEBIAN.items():
        if name not in defined:
            native.local_repository(name = name, path = path)
    for name in _SHIMS:
        if name not in defined:
            _shim(name = name, shim = name)
