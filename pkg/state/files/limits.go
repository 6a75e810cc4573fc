package files

import "fmt"

// The limits of what is read. They hold while reading: no more is ever in memory.
const (
	// maxFileBytes is the largest file, or standard input.
	maxFileBytes = 128 << 20
	// maxInputBytes is how much all files together may hold.
	maxInputBytes = 1 << 30
	// maxDocumentBytes is the largest document that is taken apart: a List of many objects.
	maxDocumentBytes = 64 << 20
	// maxObjectBytes is the largest object: no API server takes a request of more than 3 MiB.
	maxObjectBytes = 3 << 20
	// maxFiles is how many files folders may hold, and maxEntries how many names of any kind.
	maxFiles   = 100_000
	maxEntries = 1_000_000
	// maxDocuments is how many documents a file may hold that are not empty.
	maxDocuments = 1_000_000
	// scannedBytes is from which size on the kind of a document is looked for before the document is taken apart.
	scannedBytes = 64 << 10
)

// Limits says what is read, for help texts.
var Limits = fmt.Sprintf("Read are regular files of up to %s, %s in all, with documents of up to %s and objects of up to %s, the most that an API server takes.",
	size(maxFileBytes), size(maxInputBytes), size(maxDocumentBytes), size(maxObjectBytes))

// size is a number of bytes in words.
func size(bytes int) string {
	if bytes >= 1<<30 {
		return fmt.Sprintf("%d GiB", bytes>>30)
	}
	return fmt.Sprintf("%d MiB", bytes>>20)
}
