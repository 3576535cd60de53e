@main
struct Binnacle {
  static func main() {}
}
