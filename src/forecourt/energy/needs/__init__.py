"""What drivers need of a session: said by them, by a program, by the car, by habit, or foretold from the past."""
