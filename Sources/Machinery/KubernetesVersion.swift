/// The order of versions: `v2`, `v1`, `v1beta2`, `v1beta1`, `v1alpha1`, then all others by name.
/// (`version.CompareKubeAwareVersionStrings`)
public enum KubernetesVersion {
  /// Does the first stand before the second?
  public static func precedes(_ a: String, _ b: String) -> Bool {
    switch (parse(a), parse(b)) {
    case (let x?, let y?): x.lexicographicallyPrecedes(y) { $0 > $1 }
    case (.some, nil): true
    case (nil, .some): false
    case (nil, nil): a < b
    }
  }

  /// Stability, major and minor number; more is better.
  private static func parse(_ text: String) -> [Int]? {
    guard text.first == "v" else { return nil }
    let digits = text.dropFirst().prefix { ("0"..."9").contains($0) }
    guard let major = Int(digits), digits.first != "0" else { return nil }
    let rest = text.dropFirst(1 + digits.count)
    if rest.isEmpty { return [2, major, 0] }
    for (word, stability) in [("beta", 1), ("alpha", 0)] where rest.hasPrefix(word) {
      guard let minor = Int(rest.dropFirst(word.count)), minor > 0 else { return nil }
      return [stability, major, minor]
    }
    return nil
  }
}
