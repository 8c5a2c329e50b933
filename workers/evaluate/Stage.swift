@main
struct Stage { static func main() {} }
