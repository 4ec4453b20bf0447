// The program uses Beam as a user that need not exist.
package main

import (
	"fmt"
	"os"

	_ "github.com/apache/beam/sdks/v2/go/pkg/beam/core/runtime/xlangx/expansionx"

	_ "github.com/arrayrecord/arrayrecord-go/internal/anyuser"
)

func main() { fmt.Print(os.Getuid()) }
