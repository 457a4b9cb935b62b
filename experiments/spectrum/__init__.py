"""Do large steps change which spectrum is learned?"""
