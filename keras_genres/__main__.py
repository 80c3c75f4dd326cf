from keras_genres.cli import main

if __name__ == "__main__":
    main()
