//go:build !race

package gcs_test

const underRaceDetector = false
