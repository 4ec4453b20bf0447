package docs

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const shimPath = "../upstream/arrayrecord_upstream.cc"

var (
	cComment   = regexp.MustCompile(`(?s)/\*.*?\*/|//[^\n]*`)
	cSpace     = regexp.MustCompile(`\s+`)
	prototype  = regexp.MustCompile(`AR_API ([^;(]*?)(ar_\w+)\(([^)]*)\);`)
	definition = regexp.MustCompile(`(?m)^(\w[\w *]*?)(ar_\w+)\(([^)]*)\)\s*{`)
	paramName  = regexp.MustCompile(`([\w*] ?)\b\w+$`)
)

// signatures lists the functions that a pattern finds as "result name(types of parameters)".
func signatures(source string, pattern *regexp.Regexp) map[string]string {
	source = cComment.ReplaceAllString(source, "")
	found := make(map[string]string)
	for _, m := range pattern.FindAllStringSubmatch(source, -1) {
		var types []string
		for _, parameter := range strings.Split(m[3], ",") {
			parameter = strings.TrimSpace(cSpace.ReplaceAllString(parameter, " "))
			words := strings.Fields(strings.TrimPrefix(strings.ReplaceAll(parameter, "*", "* "), "const "))
			if len(words) > 1 && !strings.HasSuffix(words[len(words)-1], "*") {
				parameter = strings.TrimSpace(paramName.ReplaceAllString(parameter, "$1"))
			}
			types = append(types, parameter)
		}
		found[m[2]] = strings.TrimSpace(cSpace.ReplaceAllString(m[1], " ")) + " " + m[2] + "(" + strings.Join(types, ", ") + ")"
	}
	return found
}

// Upstream's headers are not here, so the compiler cannot say that the header has changed and the
// file over upstream's classes has not.
func TestFileOverUpstreamHasTheFunctionsOfTheHeader(t *testing.T) {
	header, err := os.ReadFile("../cpp/arrayrecord.h")
	require.NoError(t, err)
	shim, err := os.ReadFile(shimPath)
	require.NoError(t, err)
	declared := signatures(string(header), prototype)
	require.Len(t, declared, strings.Count(cComment.ReplaceAllString(string(header), ""), "AR_API ")-1,
		"all but the definition of AR_API")
	require.Equal(t, declared, signatures(string(shim), definition))
}

// Every capability must be refused or be there, in the text that users read before they build.
func TestFileOverUpstreamClaimsNothing(t *testing.T) {
	shim, err := os.ReadFile(shimPath)
	require.NoError(t, err)
	require.Contains(t, string(shim), "uint64_t ar_capabilities(void) { return 0; }")
	header, err := os.ReadFile("../cpp/arrayrecord.h")
	require.NoError(t, err)
	doc, err := os.ReadFile("upstream.md")
	require.NoError(t, err)
	capabilities := regexp.MustCompile(`AR_CAN_\w+`).FindAllString(string(header), -1)
	require.NotEmpty(t, capabilities)
	for _, capability := range capabilities {
		require.Contains(t, string(doc), "`"+capability+"`")
	}
}
