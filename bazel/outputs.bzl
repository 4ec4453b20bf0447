"""A C++ library target whose `bazel build` makes given files."""

def _cc_library_with_files_impl(ctx):
    return [
        DefaultInfo(files = depset(ctx.files.files)),
        ctx.attr.library[CcInfo],
    ]

cc_library_with_files = rule(
    implementation = _cc_library_with_files_impl,
    attrs = {
        "files": attr.label_list(
            allow_files = True,
            doc = "What building this target makes.",
        ),
        "library": attr.label(
            providers = [CcInfo],
            doc = "The library that targets depending on this one compile against and link.",
        ),
    },
    doc = "A cc_library made of archives has nothing to build; this rule makes them its outputs.",
    provides = [CcInfo],
)
