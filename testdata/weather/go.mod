module example.com/weather

go 1.26.0

require github.com/grow-platform/grow v0.0.0
