// Package deadletter has the element that stands for what could not be
// processed.
package deadletter

import (
	"fmt"
	"reflect"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/register"
)

func init() {
	beam.RegisterType(reflect.TypeFor[DeadLetter]())
	register.Emitter1[DeadLetter]()
}

// DeadLetter is an element, such as a file, the key of a group of records or what
// an encoder was given, of which no output could be made.
type DeadLetter struct {
	Element string `json:"element"`          // name, key, or text of the element
	Output  string `json:"output,omitempty"` // the name that it would have had
	Error   string `json:"error"`
}

// Of describes an element that err came of.
func Of(element any, err error) DeadLetter {
	const longest = 200
	var text string
	switch e := element.(type) {
	case []byte:
		text = fmt.Sprintf("%q", e[:min(len(e), longest)])
	case string:
		text = e
	default:
		text = fmt.Sprintf("%+v", e)
	}
	if len(text) > longest {
		text = text[:longest] + "..."
	}
	return DeadLetter{Element: text, Error: err.Error()}
}
