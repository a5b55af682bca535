package main

import "bytes"

// object is one JSON object on one line that is written while its parts are found, so that an array in it may have any
// length. What fails to be written shows in flush. If the command fails on the way the line is cut short, which no reader takes
// for a whole object.
type object struct {
	out    *output
	fields int
	length int // elements of the array that is open
}

// field writes a field.
func (j *object) field(name string, value any) error {
	j.name(name)
	return j.value(value)
}

// begin opens an array, whose elements follow.
func (j *object) begin(name string) {
	j.name(name)
	j.raw("[")
	j.length = 0
}

// element writes the next element of the array.
func (j *object) element(value any) error {
	if j.length++; j.length > 1 {
		j.raw(",")
	}
	return j.value(value)
}

// end closes the array.
func (j *object) end() { j.raw("]") }

// close ends the object and its line.
func (j *object) close() error {
	j.raw("}\n")
	return j.out.stdout.Flush()
}

func (j *object) name(name string) {
	if j.fields++; j.fields == 1 {
		j.raw("{")
	} else {
		j.raw(",")
	}
	j.raw(`"` + name + `":`)
}

func (j *object) value(value any) error {
	line, err := encodeJSON(value)
	if err == nil {
		_, _ = j.out.stdout.Write(bytes.TrimSuffix(line, []byte("\n"))) // Flush returns its error
	}
	return err
}

func (j *object) raw(text string) { _, _ = j.out.stdout.WriteString(text) } // Flush returns its error

// cut ends a line that is not to be finished, so that what follows begins on its own.
func (o *output) cut() {
	_ = o.stdout.WriteByte('\n')
	_ = o.stdout.Flush() // an error is on its way already
}
