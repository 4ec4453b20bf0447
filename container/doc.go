// Package container has the scripts that the Dockerfile runs, and their tests.
// No container engine is needed for these: the contents of the images are made
// in folders, and their programs run with such a folder as the whole file
// system.
package container
