//go:build !race

package failingjob

const race = false
