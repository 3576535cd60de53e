import JSON
import Testing

@testable import Resources

@Suite struct BatchTests {
  @Test(arguments: [
    "* * * * *", "*/5 0-23/2 1,15 jan-DEC sun", "0 0 ? * mon-fri", ", * * * *", "*-9/3 * * * *", " 1 2 3 4 5 ",
    "@daily",
    "@every 1h30m", "@every -2s", "TZ=Europe/Berlin 0 1 * * *", "CRON_TZ= @hourly", "+5 * * * *",
  ])
  func `A good schedule has no problem`(schedule: String) { #expect(CronSchedule.problem(schedule) == nil) }

  @Test(arguments: [
    (" ", "expected exactly 5 fields, found 0: []"),
    ("1 2", "expected exactly 5 fields, found 2: [1 2]"),
    ("60 * * * *", "end of range (60) above maximum (59): 60"),
    ("* * 0 * *", "beginning of range (0) below minimum (1): 0"),
    ("5-1 * * * *", "beginning of range (5) beyond end of range (1): 5-1"),
    ("1-2-3 * * * *", "too many hyphens: 1-2-3"),
    ("1/2/3 * * * *", "too many slashes: 1/2/3"),
    ("*/0 * * * *", "step of range should be a positive number: */0"),
    ("*/-5 * * * *", "negative number (-5) not allowed: -5"),
    ("* * * * mo", "failed to parse int from mo: strconv.Atoi: parsing \"mo\": invalid syntax"),
    (
      "99999999999999999999 * * * *",
      "failed to parse int from 99999999999999999999: strconv.Atoi: parsing "
        + "\"99999999999999999999\": value out of range"
    ),
    ("@reboot", "unrecognized descriptor: @reboot"),
    ("@every x", "failed to parse duration @every x: time: invalid duration \"x\""),
    ("TZ=0", "invalid schedule format: runtime error: slice bounds out of range [:-1]"),
    ("TZ=No/Where * * * * *", "provided bad location No/Where: unknown time zone No/Where"),
    ("TZ=../x * * * * *", "provided bad location ../x: time: invalid location name"),
  ])
  func `A bad schedule is told in cron's words`(schedule: String, problem: String) {
    #expect(CronSchedule.problem(schedule) == problem)
  }

  @Test func `Time zones are known by their names of today and of old`() {
    for name in ["UTC", "", "Europe/Berlin", "America/Argentina/ComodRivadavia", "Asia/Calcutta", "Etc/GMT+5", "PRC"] {
      #expect(TimeZones.problem(name) == nil, "\(name)")
    }
    for name in ["europe/berlin", "America", "zone.tab", "Europe/Berlin\0"] {
      #expect(TimeZones.problem(name) == "unknown time zone \(name)")
    }
  }

  @Test func `Indexes are counted, and have to grow below the number of completions`() throws {
    #expect(try JobIndexes.count("0,2-4,+7", below: 8) == 5)
    #expect(try JobIndexes.count("", below: 0) == 0)
    for (text, problem) in [
      ("1,1", "non-increasing order, previous: 1, current: 1"),
      ("3-2", "non-increasing order, previous: 3, current: 2"),
      (
        "1-2-3",
        "the fragment \"1-2-3\" violates the requirement that an index interval can have at most two parts "
          + "separated by '-'"
      ),
      ("8", "too large index: \"8\""),
      ("1,", "cannot convert string to integer for index: \"\""),
    ] {
      let error = #expect(throws: JobIndexes.Malformed.self) { try JobIndexes.count(text, below: 8) }
      #expect(error?.text == problem)
    }
  }

  @Test func `The first index of two lists is found, past what cannot be read`() {
    #expect(JobIndexes.overlap("0-2,5", "3,4-6", below: 9) == 5)
    #expect(JobIndexes.overlap("x,1-4", "0,y,2", below: 9) == 2)
    #expect(JobIndexes.overlap("0,2", "1,3", below: 9) == nil)
  }

  @Test func `Percentages are numbers behind which a sign stands`() {
    #expect(IntOrPercent.percentage("25%") == 25)
    #expect(IntOrPercent.percentage("99999999999999999999%") == .max)
    for text in ["%", "2 %", "-1%", "25", "1.5%"] { #expect(IntOrPercent.percentage(.string(text)) == nil) }
    #expect(IntOrPercent.number(3) == 3)
    #expect(IntOrPercent.number("3") == 3)
  }
}
