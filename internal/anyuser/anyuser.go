// Package anyuser lets programs that link Beam run as a user without an entry in
// /etc/passwd, as containers do that are started with a bare user id. Beam's
// package expansionx looks for the user's home directory when it is initialized,
// and uses it without looking whether there is one.
//
// Importing the package is all: it gives such a user a name and a home in the
// environment, where package os/user looks without cgo (or with the tag
// osusergo). Packages are initialized in the order of their import paths as soon
// as all that they import is; importing next to nothing, this one comes before
// os/user, and so before expansionx. For the same reason it cannot ask os/user
// whether the user is known: what is set already stays.
package anyuser

import (
	"os"
	"strconv"
)

func init() {
	for name, value := range map[string]string{"USER": strconv.Itoa(os.Getuid()), "HOME": os.TempDir()} {
		if os.Getenv(name) == "" {
			// It fails for impossible names only.
			_ = os.Setenv(name, value)
		}
	}
}
