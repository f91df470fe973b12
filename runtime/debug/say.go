package debug

import "fmt"

// Say tells the client something that is for a person, with its secrets masked.
func (s *Session) Say(text string) { s.emit(Event{Kind: Output, Text: s.masked(text)}) }

// Excerpt is the beginning of data, of at most so many bytes, with its secrets masked.
func (s *Session) Excerpt(data []byte, most int) string {
	if len(data) <= most {
		return string(s.mask.bytes(data))
	}
	shown := s.mask.bytes(data[:min(len(data), most+s.mask.longest)])
	return fmt.Sprintf("%s… (%d bytes)", shown[:most], len(data))
}
