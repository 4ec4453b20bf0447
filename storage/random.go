package storage

import "crypto/rand"

// randomSuffix keeps temporary names apart, between processes and machines too.
func randomSuffix() string { return rand.Text()[:12] }
